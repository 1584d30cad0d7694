"""Obtaining a teacher: made once per recipe, shared by every run that wants it, frozen."""

from core.teachers.cache import TeacherFolder
from core.teachers.freeze import freeze

__all__ = ["TeacherFolder", "freeze"]
