"""``python -m quals``: the command."""

from quals.cli.main import main

if __name__ == "__main__":
    main()
