"""What the API says of itself to anybody."""

from gateway.dialects.use import USE
from tests.client import Client


async def test_anybody_may_ask_what_there_is(visitor: Client) -> None:
    answer = await visitor.get("/api/use")
    assert answer.status == 200
    told = answer.json
    assert (told["name"], told["version"], told["status"]) == ("Waypost", "v1", "operational")
    assert {(each["method"], each["path"]) for each in told["endpoints"]} == {
        (endpoint.method, USE.prefix + endpoint.path) for endpoint in USE.endpoints
    }
    assert all(each["description"] for each in told["endpoints"])
    assert [each["path"] for each in told["endpoints"] if not each["authentication"]] == ["/api/use"]
    assert {each["path"] for each in told["endpoints"] if each["permission"] is None} == {
        "/api/use",
        "/api/use/key",
        "/api/use/key/usage",
    }


async def test_what_is_not_there_is_answered_in_the_words_of_this_api(visitor: Client, client: Client) -> None:
    for who in (visitor, client):
        answer = await who.get("/api/use/nowhere?x=1")
        assert answer.status == 404
        error = answer.json
        assert error.pop("timestamp").endswith("Z")
        assert error == {
            "error": "NotFound",
            "message": "There is nothing at this path",
            "statusCode": 404,
            "path": "/api/use/nowhere",
            "details": [],
        }
    answer = await visitor.post("/api/use")
    assert (answer.status, answer.json["error"], answer.headers["Allow"]) == (405, "NotFound", "GET, HEAD")
