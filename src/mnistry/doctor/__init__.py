"""Why a picture was read as it was: every step, as one sheet of pictures."""
