"""Agreements and money: what an addition costs, what an invoice holds, which days are billed."""
