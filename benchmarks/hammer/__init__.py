"""The hammer: servers killed without warning while simulated workers judge, and afterwards every judgement accounted for.

    python -m benchmarks.hammer [--database sqlite|postgres] [--items 20000] [--overlap 3] [--workers 64] [--servers 4]
                                [--kill-every 4] [--seconds 3600] [--seed 0] [--no-plant] [--json FILE] [--keep FOLDER]

Real server processes on one store, real HTTP. Each simulated worker writes down, before and after each request, what it
sent and what it was told. In the end that is held against the store, in both directions; then faults are planted in
copies of the store, and each must be found.

    ledger      what workers write down          worker      what a simulated worker does
    run         servers, workers, kills          checking    the store against the ledgers
    planting    faults in copies of the store    figures     counts, latencies, the table
"""
