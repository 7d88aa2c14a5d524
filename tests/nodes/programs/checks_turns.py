"""Two models take turns in a rehearsal, as it is launched."""

from checks_cycle import BEGINS_OPEN, REHEARSAL, Cycle
from faulty_graph import Launch, observed
from model_tools import made, put

from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.models.history import history
from qtopt_agent.models.turns import begin_turns, read_turns


def check_two_models_take_turns_and_an_agent_killed_meanwhile_goes_on_where_it_was():
    candidate = made("second")
    with observed() as (arm, root):
        store = put(root / "store", "first").parent
        begin_turns(candidate, store, "the check", pairs=1)
        with Launch(root, BEGINS_OPEN, **REHEARSAL, record=root / "episodes") as launch:
            cycle = Cycle(arm.node)
            cycle.gets(lambda: len(read_turns(store).attempts) == 1, "an attempt counts")
            launch.kill("agent")
            cycle.goes_on()
            cycle.gets(lambda: read_turns(store) is None, "turns come to their end")
            cycle.goes_on()
        ended = history(store)[-1]
        assert (ended.what, ended.version) == ("turns ended", "second"), ended
        recorded = {each.episode_id: each for each in map(read_episode, find_episodes(root / "episodes"))}
        whose = {each["model"] for each in ended.evidence["attempts"]}
        assert whose == {"first", "second"} and "no difference was found" in ended.why, ended
        for each in ended.evidence["attempts"]:
            episode = recorded[each["episode_id"]]
            assert (episode.model_version, episode.success) == (each["model"], each["success"]), each
        last = max(recorded.values(), key=lambda each: each.final.stamp)
        assert last.model_version == "first"
