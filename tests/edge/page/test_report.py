"""The report of the artifact that is shown."""

from page_client import Client, running_page

from edge.embedded import embedded_artifact
from edge.page.networks import Networks
from edge.recipe import ArtifactSpec
from models import EMBEDDED


def test_an_artifact_is_shown_with_its_report_and_at_its_scale_only(tmp_path, drawn):
    folder = embedded_artifact(EMBEDDED["photo"], ArtifactSpec(2, "int8-dynamic"))
    with running_page(Networks(folder), tmp_path, at_once=1) as page:
        client = Client(page.address)
        answer = client.ask("GET", "report")
        assert answer.status == 200
        assert "Passed: every probe is within its threshold" in answer.body.decode()
        assert "script-src 'unsafe-inline'" in answer.headers["content-security-policy"]
        with client.session() as session:
            assert session.welcome["artifact"] == {"name": folder.name, "scale": 2}
            picture = session.drop(drawn)
            refused = session.ask("POST", "jobs", b'{"picture": 1, "precision": "int8", "scale": 3}')
            assert refused.json["error"] == f"expected ×2, the scale of {folder.name}, found 240x180"
            assert session.ended(session.enlarge(picture))["state"] == "done"


def test_without_an_artifact_there_is_none(client):
    assert client.ask("GET", "report").status == 404
