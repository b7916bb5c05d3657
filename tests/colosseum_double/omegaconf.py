import yaml


class DictConfig(dict):
    def __getattr__(self, name):
        try:
            value = self[name]
        except KeyError as error:
            raise AttributeError(name) from error
        if isinstance(value, str) and value.startswith("${"):
            raise ValueError(f"Unsupported interpolation {value}")
        return value

    def __setattr__(self, name, value):
        self[name] = value


def _config(value):
    if isinstance(value, dict):
        return DictConfig({key: _config(each) for key, each in value.items()})
    return [_config(each) for each in value] if isinstance(value, list) else value


class OmegaConf:
    @staticmethod
    def load(file_):
        with open(file_) as file:
            return _config(yaml.safe_load(file))
