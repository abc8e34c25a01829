"""A bundle storage that is a folder: what prefect_aws.bundles.upload and .execute are for S3."""

import argparse
import shutil
from pathlib import Path

from prefect.bundles.execute import execute_bundle_from_file


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("file", nargs="?", help="put on the shelf; without one, executed from it")
    options = parser.parse_args()
    stored = options.folder / options.key
    if options.file:
        stored.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(options.file, stored)
    else:
        execute_bundle_from_file(str(stored))


if __name__ == "__main__":
    main()
