"""Inspect a serialised ONNX model before anything loads it.

It refuses weights in other files, operators of other domains, functions, control flow, sparse
weights, numbers that are not finite, and more parts than a digit network has. From the domain of
classical machine learning it allows the operators that skl2onnx writes for classifiers. Knows
nothing of what the operators compute.

The field numbers are those of github.com/onnx/onnx/blob/main/onnx/onnx.proto. Other fields are
skipped, as every protobuf parser skips fields that it does not know.
"""

import numpy as np

from mnistry.errors import ModelError
from mnistry.inference.protobuf import Parser, Value

# TensorProto.DataType -> how raw_data is laid out, for the types that can hold NaN.
_FLOAT, _FLOAT16, _DOUBLE = 1, 10, 11
_RAW = {_FLOAT: "<f4", _FLOAT16: "<f2", _DOUBLE: "<f8"}

_DEFAULT_DOMAIN, _CLASSICAL_DOMAIN = ("", "ai.onnx"), "ai.onnx.ml"
_CLASSICAL_OPERATORS = {
    *("ArrayFeatureExtractor", "Binarizer", "Imputer", "LabelEncoder", "LinearClassifier"),
    *("Normalizer", "SVMClassifier", "Scaler", "TreeEnsemble", "TreeEnsembleClassifier", "ZipMap"),
}


def inspect(content: bytes, where: str) -> None:
    """Raise a ModelError if a serialised ``ModelProto`` holds what no model of ours does."""
    parser = Parser(where)
    graphs = 0
    for number, value in parser.fields(memoryview(content)):
        if number == 7:  # graph
            graphs += 1
            _graph(parser, value)
        elif number in (20, 25):  # training_info, functions
            raise ModelError("it defines functions or its own training", where=where)
    if graphs != 1:
        raise ModelError("it is not an ONNX model", where=where, expected="exactly one graph")


def _graph(parser: Parser, message: Value) -> None:
    for number, value in parser.fields(message):
        if number == 1:  # node
            _node(parser, value)
        elif number == 5:  # initializer
            _tensor(parser, value)
        elif number == 15:  # sparse_initializer
            raise ModelError("it has sparse weights", where=parser.where)


def _node(parser: Parser, message: Value) -> None:
    _domain(parser, message)
    for attribute in parser.values(message, 5):  # attribute
        for number, value in parser.attribute_fields(attribute):
            if number in (5, 10):  # t, tensors
                _tensor(parser, value)
            elif number in (6, 11):  # g, graphs
                raise ModelError(
                    "it has control flow: a graph inside an operator",
                    where=parser.where,
                    expected="plain operators, as of networks, forests and linear models; nearest "
                    "neighbours are computed in loops",
                )
            elif number in (22, 23):  # sparse_tensor, sparse_tensors
                raise ModelError("it has sparse weights", where=parser.where)


def _tensor(parser: Parser, message: Value) -> None:
    fields = list(parser.fields(message))
    # 13: external_data; 14: data_location, 0 for "in this file"
    if any(number == 13 or (number == 14 and value != 0) for number, value in fields):
        raise ModelError(
            "it keeps weights in another file (external data)",
            where=parser.where,
            expected="one file",
            remedy="save it with its weights inside: onnx.save(onnx.load(FILE), NEW_FILE)",
        )
    # 2: data_type; 4: float_data; 9: raw_data, of that type; 10: double_data
    kinds = [value for number, value in fields if number == 2 and isinstance(value, int)]
    layouts = {4: "<f4", 10: "<f8", 9: _RAW.get(kinds[-1]) if kinds else None}
    for number, value in fields:
        layout = layouts.get(number)
        if layout is None or not isinstance(value, memoryview):
            continue
        if len(value) % np.dtype(layout).itemsize:
            raise parser.damaged()
        if not np.isfinite(np.frombuffer(value, layout)).all():
            raise ModelError(
                "a weight is not a number, or infinite",
                where=parser.where,
                expected="finite weights",
                remedy="train it again",
            )


def _domain(parser: Parser, message: Value) -> None:
    """Check a node's domain; a domain that is only listed, not used, is harmless."""
    # 4: op_type; 7: domain
    kinds = [bytes(value) for value in parser.values(message, 4) if not isinstance(value, int)]
    for value in parser.values(message, 7):
        name = bytes(value).decode(errors="replace") if isinstance(value, memoryview) else ""
        if (
            name == _CLASSICAL_DOMAIN
            and kinds
            and kinds[-1].decode(errors="replace") in _CLASSICAL_OPERATORS
        ):
            continue
        if name not in _DEFAULT_DOMAIN:
            raise ModelError(
                f"it uses an operator of the domain {name}",
                where=parser.where,
                expected="ONNX's default domain",
                remedy="export the network with standard layers",
            )
