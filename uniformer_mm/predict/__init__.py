"""Give it a picture, get the answer: all five tasks, inputs of all kinds."""

from uniformer_mm.predict.loading import DEFAULT_WEIGHTS, load
from uniformer_mm.predict.predictor import Predictor
from uniformer_mm.predict.result import Result

__all__ = ['DEFAULT_WEIGHTS', 'Predictor', 'Result', 'load']
