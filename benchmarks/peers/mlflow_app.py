"""`python mlflow_app.py FOLDER` saves the model there, for `mlflow models serve`."""

import sys
from pathlib import Path

import mlflow


class Wrapper(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        from answer import Model

        self.model = Model()

    def predict(self, context, model_input, params=None):
        return [self.model.from_base64(text) for text in model_input["image"]]


if __name__ == "__main__":
    code = [str(Path(__file__).with_name("answer.py"))]
    mlflow.pyfunc.save_model(sys.argv[1], python_model=Wrapper(), code_paths=code, pip_requirements=[])
