"""What a model sees: feature maps, attention, rollout, activation maps."""

from uniformer_mm.view.panels import Panel, frame_of, sheet_of
from uniformer_mm.view.seen import Seen
from uniformer_mm.view.viewer import Viewer

__all__ = ['Panel', 'Seen', 'Viewer', 'frame_of', 'sheet_of']
