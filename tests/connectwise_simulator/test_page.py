from tests.connectwise_simulator.conftest import Site


async def test_page_for_people_shows_companies_escaped(site: Site) -> None:
    page = await site.get(f"{site.root}/?site={site.company}")
    assert "Alder &amp; Ash" in page.text
    assert (await site.get(f"{site.root}/?site=<script>")).status_code == 404
