"""A page for people: the sites with their companies, agreements and additions as tables. No script, no build step."""

from html import escape
from typing import Any

from connectwise_simulator.call import Answer
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site
from connectwise_simulator.world import World

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem } caption { text-align: left; color: #555 }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd } td.n { text-align: right }
nav a { margin-right: 1rem } h3 { margin-bottom: 0 }
"""
MOST_COMPANIES = 50
AGREEMENT = ("id", "name", "type/name", "agreementStatus", "billingCycle/name", "periodType", "prorateFlag",
             "billStartDate", "nextInvoiceDate", "currency/currencyIdentifier")  # fmt: skip
ADDITION = ("id", "product/identifier", "quantity", "lessIncluded", "unitPrice", "extPrice", "unitCost",
            "proratePrice", "effectiveDate", "cancelledDate", "billCustomer", "serialNumber")  # fmt: skip


def page(world: World, site_id: str | None, first: int) -> Answer:
    """The overview, or one site from a company on."""
    site = world.site(site_id) if site_id else next(iter(world.sites.values()), None)
    links = "".join(
        f'<a href="/?site={escape(s.company_id, quote=True)}">{escape(s.name)}</a>' for s in world.sites.values()
    )
    body = _site(site, max(first, 0)) if site else "<p>There is no such site.</p>"
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ConnectWise simulator</title>'
        f"<style>{STYLE}</style></head><body><h1>ConnectWise simulator</h1><nav>{links}</nav>{body}</body></html>"
    )
    return Answer(200 if site else 404, text, content_type="text/html; charset=utf-8")


def _site(site: Site, first: int) -> str:
    companies = list(site.tables["companies"].listed())
    agreements: dict[int, list[Record]] = {}
    for agreement in site.tables["agreements"].listed():
        agreements.setdefault(agreement["company"]["id"], []).append(agreement)
    shown = companies[first : first + MOST_COMPANIES]
    head = (
        f"<h2>{escape(site.name)}</h2><p>Company id <code>{escape(site.company_id)}</code>; today is "
        f"{site.clock.today()} in {escape(site.clock.zone.key)}; {len(companies)} companies.</p>"
    )
    parts = [head]
    parts += [_company(site, company, agreements.get(company["id"], [])) for company in shown]
    if first + MOST_COMPANIES < len(companies):
        more = f"/?site={escape(site.company_id, quote=True)}&amp;first={first + MOST_COMPANIES}"
        parts.append(f'<p><a href="{more}">more companies</a></p>')
    return "".join(parts)


def _company(site: Site, company: Record, agreements: list[Record]) -> str:
    status = escape(str((company.get("status") or {}).get("name", "")))
    head = (
        f"<h3>{escape(company['name'])}</h3><p>{company['id']} · <code>{escape(company['identifier'])}</code> · "
        f"{status}</p>"
    )
    parts = [head]
    if agreements:
        parts.append(_table("Agreements", AGREEMENT, agreements))
    for agreement in agreements:
        additions = site.tables["additions"].children(agreement["id"])
        if additions:
            parts.append(_table(f"Additions of {agreement['name']}", ADDITION, additions))
    return "".join(parts)


def _table(caption: str, columns: tuple[str, ...], records: list[Record]) -> str:
    head = "".join(f'<th scope="col">{escape(column.partition("/")[0])}</th>' for column in columns)
    rows = "".join("<tr>" + "".join(_cell(_value(r, c)) for c in columns) + "</tr>" for r in records)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _value(record: Record, path: str) -> Any:
    name, _, member = path.partition("/")
    value = record.get(name)
    return (value or {}).get(member) if member else value


def _cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, str):
        return f"<td>{escape(value.removesuffix('T00:00:00Z'))}</td>"
    return f'<td class="n">{escape(format(value, "f") if not isinstance(value, int) else str(value))}</td>'
