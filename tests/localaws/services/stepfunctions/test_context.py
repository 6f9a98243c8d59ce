from localaws.services.stepfunctions import context


def test_a_thread_without_an_execution_is_running() -> None:
    assert context.is_running()


def test_an_execution_that_the_engine_does_not_know_is_running() -> None:
    seen = []
    context.remembered(lambda arn: seen.append((arn, context.is_running())))("arn:aws:states:::execution:gone:1")
    assert seen == [("arn:aws:states:::execution:gone:1", True)]
