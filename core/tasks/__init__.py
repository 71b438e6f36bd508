"""Background work on data, such as a download or an import: done by a process of its own, kept in a folder."""

from core.tasks.folder import Task, TaskStatus, active_names, list_tasks, new_task, read_task
from core.tasks.processes import reap_children, remove_task, start_again, start_task, stop_task
from core.tasks.worker import Progress, TaskStopped, work_on

__all__ = [
    "Progress",
    "Task",
    "TaskStatus",
    "TaskStopped",
    "active_names",
    "list_tasks",
    "new_task",
    "read_task",
    "reap_children",
    "remove_task",
    "start_again",
    "start_task",
    "stop_task",
    "work_on",
]
