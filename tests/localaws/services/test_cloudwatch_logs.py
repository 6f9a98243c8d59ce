"""CloudWatch Logs through boto3: what a query finds can be looked up by its pointer."""

import time
from typing import Any


def test_what_a_query_found_is_looked_up_by_its_pointer(localaws: Any) -> None:
    logs = localaws.client("logs")
    logs.create_log_group(logGroupName="pointers")
    logs.create_log_stream(logGroupName="pointers", logStreamName="s")
    now = time.time()
    events = [{"timestamp": int(now * 1000), "message": f"line {number}"} for number in range(3)]
    logs.put_log_events(logGroupName="pointers", logStreamName="s", logEvents=events)
    query = logs.start_query(
        logGroupName="pointers", startTime=int(now) - 60, endTime=int(now) + 60, queryString="fields @message, @ptr"
    )["queryId"]
    results = logs.get_query_results(queryId=query)["results"]
    found = [{field["field"]: field["value"] for field in row} for row in results]
    assert sorted(row["@message"] for row in found) == ["line 0", "line 1", "line 2"]
    for row in found:
        assert logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]["@message"] == row["@message"]
