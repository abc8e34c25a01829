"""What `current` says that is the same wherever the flow runs."""

from metaflow import FlowSpec, current, get_namespace, step


class CurrentFieldsFlow(FlowSpec):
    @step
    def start(self):
        self.seen = {
            "flow": current.flow_name,
            "step": current.step_name,
            "retry": current.retry_count,
            "user": current.username,
            "running": current.is_running_flow,
            "origin": current.origin_run_id,
            "namespace": (current.namespace, get_namespace()),
            "start": current.graph["start_step"] if "start_step" in current.graph else "",
            "parts": current.pathspec.count("/"),
            "parallel": current.get("is_parallel"),
            "paths": current.pathspec
            == "/".join([current.flow_name, current.run_id, current.step_name, current.task_id]),
        }
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CurrentFieldsFlow()
