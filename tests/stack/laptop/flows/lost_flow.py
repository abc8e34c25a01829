"""Two steps lose their containers: one takes more memory than it asks for, the other's image is not to be had."""

from metaflow import FlowSpec, catch, northflank, resources, step


class LostFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.greedy, self.homeless)

    @catch(var="failure", print_exception=False)
    @resources(cpu=0.1, memory=250)
    @northflank
    @step
    def greedy(self):
        self.much = bytearray(600_000_000)
        self.next(self.join)

    @catch(var="failure", print_exception=False)
    @northflank(
        image="registry.example.com/none:1",
        plan="nf-compute-20",
        job_variables={"pending_timeout_seconds": 20},
    )
    @step
    def homeless(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.failed = [bool(it.failure) for it in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LostFlow()
