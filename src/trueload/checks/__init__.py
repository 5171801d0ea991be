'''The checks of the sanitizer: one file a check, in folders by what they look after.

    TL3xx  memory   the dataset's memory, and batches that share it
    TL4xx  batch    what is in a batch, and which batch it is
    TL62x  workers  processes that make batches
    TL64x  code     functions that are not what the file says
    TL65x  speed    the loop waits
    TL7xx  update   gradients, steps and optimizers
    TL8xx  loss     what the loss is computed from
    TL9xx  mode     training and evaluation mode

(TL1xx and TL2xx are the loader's own, see `docs/reference/errors.md`.)

A check judges; it measures nothing. What it judges is the evidence of a run, `trueload.evidence`:
plain facts and events that the instruments in `trueload.sanitizer` wrote down. So checks import
neither torch nor numpy and never touch an object of the user's, and `explain` is instant. A check
that needs a fact that nobody measures yet adds a field to the evidence and fills it there.

A check is a class derived from `Check`. It has

    code, name     its two names: `TL701`, `missing-zero-grad`
    severity       of its findings, unless one of them says otherwise
    causes         codes of checks whose findings at any place explain this one's away
    its docstring  the page that `trueload explain` and the documentation show: what it finds, why
                   it matters, an example, what to write instead, when it is wrong, its source
    look(run)      yields a finding for each hit, made by `self.found(...)`

`look` may be called at any time, more than once, and must change nothing. It yields the same
finding again or counts it with `count=`: findings at one place become one. What is not certain is
guarded, or is a note. An example:

    class ShortEpoch(Check):
        """An epoch gave fewer batches than the one before. (The six parts of a page follow.)"""

        code = "TL499"
        name = "short-epoch"
        severity = Severity.WARNING

        def look(self, run: Run) -> Iterator[Finding]:
            before: dict[Loader, EpochEnded] = {}
            for end in run.events(EpochEnded):
                last = before.get(end.loader)
                if last is not None and end.batches < last.batches:
                    yield self.found(
                        f"epoch {end.epoch} ended after {end.batches} batches",
                        end.place,
                        [("before", f"{last.batches} batches in epoch {last.epoch}")],
                        hint="give the sampler the same length in every epoch",
                    )
                before[end.loader] = end

A new check is named in the `CHECKS` of its folder, and has a broken script that it must catch in
`tests/sanitizer/broken` and a correct one that could fool it in `tests/sanitizer/clean`.
'''
