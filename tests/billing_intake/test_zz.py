import resource, time
from billing_intake.importer import Importer
from tests.billing_intake.desk import Desk
from tests.factories.recon import recon, seat
async def test_rss(desk: Desk) -> None:
    base = recon([seat()])
    head, row = base.split(b"\r\n")[:2]
    for n in (20_000, 200_000):
        content = head + b"\r\n" + b"".join(row.replace(b"order-1", b"order-%d" % i).replace(b"subscription-1", b"sub-%d" % i) + b"\r\n" for i in range(n))
        import_id = await desk.received(content); size = len(content); del content
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        t = time.perf_counter(); await Importer(desk.db).read(desk.tenant, import_id)
        print("RESULT", n, size >> 20, "MiB", round(time.perf_counter() - t, 1), "s", before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, (await desk.one(import_id)).rows)
