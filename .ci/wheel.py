"""Puts migrations/ and config.example.toml into standard wheels; an editable install reads them from the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"]["migrations"] = "etl/_migrations"
            build_data["force_include"]["config.example.toml"] = "etl/_config.example.toml"
