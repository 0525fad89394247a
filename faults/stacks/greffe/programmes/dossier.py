"""What is done with a document, step by step."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy


@workflow.defn(name="Enregistrer")
class Enregistrer:
    @workflow.run
    async def run(self, piece: str) -> str:
        return await workflow.execute_activity(
            "sceller",
            piece,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=4)),
        )
