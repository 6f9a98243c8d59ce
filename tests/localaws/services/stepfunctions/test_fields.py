from localaws.services.stepfunctions import fields


def test_both_query_languages_have_the_same_types_of_states() -> None:
    assert set(fields.STATE_FIELDS["JSONPath"]) == set(fields.STATE_FIELDS["JSONata"])


def test_fields_of_one_query_language_are_not_fields_of_the_other() -> None:
    assert "Parameters" not in fields.STATE_FIELDS["JSONata"]["Task"]
    assert not {"Arguments", "Output", "Assign"} & fields.STATE_FIELDS["JSONPath"]["Task"]
