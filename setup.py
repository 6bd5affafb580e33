"Package metadata: everything is declared once in settings.ini, which nbdev reads too."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

root = Path(__file__).resolve().parent
parser = ConfigParser(delimiters=["="], interpolation=None)
parser.read(root / "settings.ini", encoding="utf-8")
settings = parser["DEFAULT"]

statuses = {"2": "2 - Pre-Alpha", "3": "3 - Alpha", "4": "4 - Beta", "5": "5 - Production/Stable"}


def lines(name: str) -> list[str]:
    "The non-empty lines of one setting."
    return [line.strip() for line in settings.get(name, "").splitlines() if line.strip()]


extras = {key.removesuffix("_requirements"): lines(key) for key in settings if key.endswith("_requirements")}
extras["dev"] = [requirement for requirements in extras.values() for requirement in requirements]  # the tests use all of them

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(root / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    author_email=settings["author_email"],
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=settings["keywords"].split(),
    classifiers=[
        f"Development Status :: {statuses[settings['status']]}",
        f"Intended Audience :: {settings['audience']}",
        f"Natural Language :: {settings['language']}",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
    ],
    python_requires=f">={settings['min_python']}",
    packages=find_packages(include=[settings["lib_path"], f"{settings['lib_path']}.*"]),
    package_data={settings["lib_path"]: ["data/**/*", "examples/**/*", "review/assets/*"]},
    install_requires=lines("requirements"),
    extras_require=extras,
    entry_points={
        "console_scripts": lines("console_scripts"),
        # where nbdev looks up the names of this package to link them in the docs; an index, not an import of nbdev
        "nbdev": [f"{settings['lib_path']}={settings['lib_path']}._modidx:d"],
    },
    zip_safe=False,
)
