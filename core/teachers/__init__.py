"""Obtaining a teacher: made once per recipe and shared by every run that wants it, or loaded from a file; frozen."""

from core.teachers.cache import TeacherFolder
from core.teachers.checkpoint import load_checkpoint_file
from core.teachers.freeze import freeze
from core.teachers.sources import load_teacher

__all__ = ["TeacherFolder", "freeze", "load_checkpoint_file", "load_teacher"]
