from rlbench.task_environment import TaskEnvironment


class TaskEnvironmentExt(TaskEnvironment):
    def reset_to_demo(self, demo):
        demo.restore_state()
        return self.reset()
