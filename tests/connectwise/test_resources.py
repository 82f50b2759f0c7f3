"""Every resource, against the simulator: what is written is there, and what is there is read."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectwise import (
    AdditionChange,
    AgreementChange,
    CallbackType,
    CommunicationChange,
    CompanyChange,
    CompanySiteChange,
    ContactChange,
    CustomFieldValue,
    Deliveries,
    DeliveryRefused,
    NewAddition,
    NewAgreement,
    NewCallback,
    NewCatalogItem,
    NewCommunication,
    NewCompany,
    NewCompanySite,
    NewContact,
    NewTypeAssociation,
    Ref,
    custom_field,
    where,
    with_custom_field,
)
from httpkit import ApiError, Outcome
from tests.connectwise.rehearsal import ALDER, MONTHLY, SEAT, Rehearsal
from tests.connectwise.site import LOOPBACK
from tests.httpkit.peer import peer, reply


async def test_company_info_is_readable(rehearsal: Rehearsal) -> None:
    info = await rehearsal.psa.company_info()
    assert (info.company_id or "").lower() == rehearsal.company
    assert info.codebase
    assert info.is_cloud is True


async def test_site_says_its_version_and_today(rehearsal: Rehearsal) -> None:
    info = await rehearsal.psa.system.info()
    assert info.version
    assert str(info.zone) == "America/New_York"
    assert info.today(datetime(2026, 4, 1, 3, 59, tzinfo=UTC)) == date(2026, 3, 31)
    assert info.today(datetime(2026, 4, 1, 4, 0, tzinfo=UTC)) == date(2026, 4, 1)


async def test_rights_of_the_key_are_read(rehearsal: Rehearsal) -> None:
    levels = {row.module_function_name: row.inquire_level for row in await rehearsal.psa.system.my_security()}
    assert levels["Agreements"] == "All"
    await rehearsal.psa.system.my_customize_items()
    me = await rehearsal.psa.system.me()
    assert me is not None
    assert me.identifier == "public"


async def test_members_and_roles_are_read(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    assert "public" in [member.identifier for member in await psa.system.members.list()]
    roles = {role.name: role.id for role in await psa.security_roles.list()}
    settings = await psa.security_roles.settings(roles["sync"]).list()
    assert {row.inquire_level for row in settings if row.module_function_name == "Agreements"} == {"All"}


async def test_company_with_site_and_types_is_created_and_changed(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    made = await psa.companies.create(NewCompany(identifier="Dogwood", name="Dogwood Dental", city="Salem"))
    changed = await psa.companies.patch(made.id, CompanyChange(name="Dogwood Dental Group", city=None))
    assert (changed.name, changed.city) == ("Dogwood Dental Group", None)

    sites = psa.companies.sites(made.id)
    site = await sites.create(NewCompanySite(name="Annex", address_line1="1 Main Street"))
    assert (await sites.patch(site.id, CompanySiteChange(name="Annex East"))).name == "Annex East"
    assert "Annex East" in [each.name for each in await sites.list()]

    (vendor,) = [each for each in await psa.companies.types.list() if each.name == "Vendor"]
    types = psa.companies.type_associations(made.id)
    association = await types.create(NewTypeAssociation(type=Ref(id=vendor.id), company=Ref(id=made.id)))
    assert made.id in [each.id for each in await psa.companies.list(child=where.Company.types_id == vendor.id)]
    await types.delete(association.id)
    assert made.id not in [each.id for each in await psa.companies.list(child=where.Company.types_id == vendor.id)]


async def test_contact_with_communications_is_created_and_changed(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    made = await psa.contacts.create(NewContact(first_name="Bo", last_name="Birch", company=Ref(id=ALDER)))
    assert (await psa.contacts.patch(made.id, ContactChange(title="Owner"))).title == "Owner"

    reached = psa.contacts.communications(made.id)
    mail = await reached.create(
        NewCommunication(type=Ref(id=1), value="bo@birch.example", communication_type="Email", default_flag=True)
    )
    await reached.patch(mail.id, CommunicationChange(value="bo@alder.example"))
    assert [each.value for each in await reached.list()] == ["bo@alder.example"]
    by_mail = where.Contact.communications_value.contains("bo@alder") & (where.Contact.communications_type == "Email")
    assert [each.id for each in await psa.contacts.list(child=by_mail)] == [made.id]


async def test_agreement_is_created_changed_copied_and_invoiced(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    (kind,) = [each for each in await psa.agreements.types.list() if each.name == "Cloud Subscriptions"]
    (monthly,) = [each for each in await psa.billing_cycles.list() if each.name == "Monthly"]
    made = await psa.agreements.create(
        NewAgreement(
            name="Second",
            type=Ref(id=kind.id),
            company=Ref(id=ALDER),
            contact=Ref(id=100),
            billing_cycle=Ref(id=monthly.id),
            start_date=date(2026, 1, 1),
            bill_start_date=date(2026, 1, 1),
            no_ending_date_flag=True,
            customer_po="PO-1",
        )
    )
    assert (made.bill_start_date, made.customer_po) == (date(2026, 1, 1), "PO-1")
    changed = await psa.agreements.patch(made.id, AgreementChange(name="Third"), expected=AgreementChange.of(made))
    assert changed.name == "Third"

    copied = await psa.agreements.copy(MONTHLY)
    assert copied.id not in {made.id, MONTHLY}
    assert [each.quantity for each in await psa.additions(copied.id).list()] == [3]

    await rehearsal.control("POST", "/clock", {"site": rehearsal.company, "days": 22})
    invoice_id = await psa.agreements.invoice(MONTHLY)
    invoice = await psa.invoices.get(invoice_id)
    assert invoice.total is not None
    assert invoice_id in [each.id for each in await psa.invoices.list(where.Invoice.company_id == ALDER)]
    recap = await psa.agreements.recaps.get(MONTHLY)
    assert (recap.id, recap.name) == (MONTHLY, "Cloud Monthly")
    assert MONTHLY in [each.id for each in await psa.agreements.recaps.list()]


async def test_addition_lives_and_ends(rehearsal: Rehearsal) -> None:
    additions = rehearsal.psa.additions(MONTHLY)
    new = NewAddition(
        product=Ref(id=SEAT), quantity=Decimal("17.60"), effective_date=date(2026, 4, 1), serial_number="M-1"
    )
    made = await additions.create(new)
    assert (made.unit_price, made.ext_price) == (Decimal("22.50"), Decimal("396.0000"))
    await additions.patch(made.id, AdditionChange(quantity=4))
    assert await additions.count(where.Addition.serial_number == "M-1") == 1
    await additions.delete(made.id)
    assert await additions.count(where.Addition.serial_number == "M-1") == 0
    with pytest.raises(ApiError) as caught:
        await additions.delete(made.id)
    assert caught.value.outcome is Outcome.NOT_FOUND


async def test_catalog_item_is_created(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    subcategory, kind = (await psa.subcategories.list())[0], (await psa.product_types.list())[0]
    made = await psa.catalog.create(
        NewCatalogItem(
            identifier="NEW-1",
            description="New",
            customer_description="New",
            subcategory=Ref(id=subcategory.id),
            type=Ref(id=kind.id),
            price=Decimal("1.005"),
        )
    )
    assert made.price == Decimal("1.005")


async def test_setup_tables_are_read(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    for table in (
        psa.companies.statuses,
        psa.companies.types,
        psa.agreements.types,
        psa.billing_cycles,
        psa.billing_terms,
        psa.currencies,
        psa.tax_codes,
        psa.categories,
        psa.units_of_measure,
    ):
        rows = await table.list()
        assert len(rows) == await table.count()
        assert rows


async def test_callback_is_registered_listed_and_removed(rehearsal: Rehearsal) -> None:
    callbacks = rehearsal.psa.callbacks
    made = await callbacks.create(NewCallback(url="https://ours.example/cw?recordId=", type=CallbackType.AGREEMENT))
    assert [(each.id, each.type, each.level) for each in await callbacks.list()] == [(made.id, made.type, "Owner")]
    await callbacks.delete(made.id)
    assert await callbacks.count() == 0


async def test_change_is_told_to_a_callback_and_verified(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    deliveries = Deliveries(psa.site, rehearsal.company, addresses=LOOPBACK)
    async with peer(reply(200, {})) as ours:
        url = f"{ours.url}/cw?tenant=1&recordId="
        await psa.callbacks.create(NewCallback(url=url, type=CallbackType.AGREEMENT))
        await psa.agreements.patch(MONTHLY, AgreementChange(name="Renamed"))
        await asyncio.wait_for(ours.was_asked.wait(), 5)
        (told,) = ours.asked
        signature = told.headers["x-content-signature"]
        delivery = await deliveries.accept(told.body, signature)
        assert (delivery.record_id, delivery.action) == (MONTHLY, "updated")
        assert delivery.type.lower() == "agreement"
        assert delivery.company_id.lower() == rehearsal.company
        assert (await deliveries.accept(told.body, signature)).is_repeat
        with pytest.raises(DeliveryRefused):
            await deliveries.accept(told.body.replace(b"updated", b"deleted"), signature)
    await deliveries.aclose()


async def test_audit_trail_tells_what_was_done(rehearsal: Rehearsal) -> None:
    await rehearsal.psa.agreements.patch(MONTHLY, AgreementChange(name="Renamed"))
    entries = [entry async for entry in rehearsal.psa.system.audit_trail("Agreement", MONTHLY)]
    assert entries
    assert all(entry.text and entry.entered_by for entry in entries)


async def test_custom_field_is_written_with_the_others_of_its_record(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    await rehearsal.define_field("agreement", "Contract", "Text")
    await rehearsal.define_field("agreement", "Seats", "Number")
    assert {field.caption for field in await psa.system.user_defined_fields.list()} >= {"Contract", "Seats"}
    agreement = await psa.agreements.get(MONTHLY)
    seats = AgreementChange(custom_fields=with_custom_field(agreement.custom_fields, "Seats", 12))
    agreement = await psa.agreements.patch(MONTHLY, seats, expected=AgreementChange.of(agreement))
    contract = AgreementChange(custom_fields=with_custom_field(agreement.custom_fields, "Contract", "C-7"))
    agreement = await psa.agreements.patch(MONTHLY, contract, expected=AgreementChange.of(agreement))
    assert {field.caption: field.value for field in agreement.custom_fields or ()} == {"Contract": "C-7", "Seats": 12}

    for condition, found in (
        (custom_field("Contract") == "C-7", [MONTHLY]),
        (custom_field("Contract").contains("-"), [MONTHLY]),
        (custom_field("Contract") == "C-8", []),
        (custom_field("Seats") >= 12, [MONTHLY]),
        (custom_field("Seats") > 12, []),
        ((custom_field("Seats") > 12) | custom_field("Contract").is_set, [MONTHLY]),
    ):
        assert [each.id for each in await psa.agreements.list(custom=condition)] == found, condition
        assert await psa.agreements.count(custom=condition) == len(found)


def test_custom_field_that_the_record_lacks_is_refused() -> None:
    with pytest.raises(LookupError):
        with_custom_field(None, "Contract", "C-7")


def test_custom_value_is_written_exactly() -> None:
    assert CustomFieldValue(id=1, value=Decimal("1.50")).wire() == {"id": 1, "value": Decimal("1.50")}
    assert CustomFieldValue(id=1, value=date(2026, 1, 31)).wire() == {"id": 1, "value": "2026-01-31T00:00:00Z"}
    assert CustomFieldValue(id=1, value=None).wire() == {"id": 1, "value": None}
    with pytest.raises(ValueError, match="float"):
        CustomFieldValue(id=1, value=0.1)
