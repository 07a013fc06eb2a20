"""`python -m voltgate` is `voltgate`."""

from voltgate.cli import main

main()
