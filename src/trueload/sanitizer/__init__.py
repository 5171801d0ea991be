"""The instruments of `trueload check` and `trueload.watch`: they look on while a script trains.

    hooks.py       where the instruments sit in torch, and how they are taken out again
    layers.py      how attributes of torch are replaced for a while
    recorder.py    what each hook does: it puts down events
    pace.py        how closely to look, and when
    gradients.py   what the parameters of one optimizer hold, from one step to the next
    losses.py      what is looked at of a loss
    graphs.py      what a loss was computed from
    parameters.py  which parameters there are, whose they are, who made them
    fetching.py    how batches are made, in the script's process and in forked workers
    rereading.py   what reading a sample changes, tried in a copy of the process (apart.py) on
                   what the dataset holds (holdings.py)
    overwriting.py which memory that was given out is written to again for what comes next
    handed.py      whether the loop changes batches that are not its own
    workers.py     what workers are given, what of it does not survive, and what they never see
    notes.py       how what workers see comes home
    samples.py     which samples loaders give, and in which order
    modes.py       how models are called: in which mode, and what their first layer is given
    rates.py       learning rates, and what clips gradients
    batches.py     what is in a batch
    places.py      which line of the user's code is running
    camera.py      pictures of batches and scalars of steps, where the HTML page is asked for
    limits.py      when enough has been seen
    telling.py     findings while a run goes on
    crash.py       what the frames of a crash tell
    script.py      a script under the instruments, from its start to its findings
    scope.py       what is followed: all of a process, or what was given to a watch
    watch.py       `trueload.watch`: the same in the user's own loop

What holds for all of them: they change no bit of what the script computes, consume no random
numbers, hold no memory of the script's beyond a few small things, and an error in them never
becomes one of the script's. The first steps are looked at in detail, later ones as can be afforded.
"""
