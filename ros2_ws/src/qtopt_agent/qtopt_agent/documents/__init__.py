"""YAML and JSON from outside, read within limits: what is no plain, bounded document is refused, saying where and why.

Everything raises InvalidInput, naming the file, the line where it is known, and what was expected.
"""

from qtopt_agent.documents.json_document import parse_json, read_json
from qtopt_agent.documents.text_file import read_text
from qtopt_agent.documents.yaml_document import parse_yaml, read_yaml, yaml_text

__all__ = ["parse_json", "parse_yaml", "read_json", "read_text", "read_yaml", "yaml_text"]
