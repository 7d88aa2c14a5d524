"""What is wrong with an arm's profile, or with a model."""

from pathlib import Path

import numpy as np

from qtopt_agent.cells.agreement import disagreements
from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.doctor.findings import Finding, Severity
from qtopt_agent.doctor.picture import fits
from qtopt_agent.models.folder import profile_of, verify
from qtopt_agent.perception.ingest import RawImage
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS, arm_profile, read_parameters


def examine_arm_file(file: Path) -> list[Finding]:
    """Whether an arm driver would start with the parameters in `file`, and whether they are wise."""
    try:
        parameters = read_parameters(file)
        profile = arm_profile(parameters)
    except InvalidInput as error:
        return [Finding(Severity.ERROR, str(error), f"correct {file}")]
    driver, box = profile.driver, profile.driver.step.workspace
    findings = [Finding(Severity.OK, f"{file}: {len(parameters)} of {len(ARM_PARAMETERS)} parameters given, all valid")]
    size = np.subtract(box.high, box.low)
    if size.max() > 1.5:
        text = f"the workspace is {' x '.join(f'{side:.2f}' for side in size)} m"
        findings.append(Finding(Severity.WARNING, text, "give the box of the bin and a little above, not of the arm"))
    if not box.low[2] <= profile.floor_height + 0.05 or not profile.floor_height < box.high[2]:
        text = f"the bin's floor is at {profile.floor_height} m, the workspace from {box.low[2]} to {box.high[2]} m"
        findings.append(Finding(Severity.WARNING, text, "objects on the floor are out of reach: check floor_height"))
    rates = driver.rates
    longest = driver.step.max_translation / rates.speed + rates.speed / rates.acceleration
    if longest > 3:
        text = f"the longest motion takes {longest:.1f} s"
        findings.append(Finding(Severity.WARNING, text, "the agent sees nothing meanwhile: raise limits.speed"))
    return findings


def examine_agreement(file: Path, folder: Path) -> list[Finding]:
    """Whether the model in `folder` is for the cell that the arm of `file` names; nothing where that names none."""
    try:
        cell, profile = arm_profile(read_parameters(file)).cell, profile_of(folder)
    except QtoptError:  # which is said where each is looked at
        return []
    if cell is None:
        return []
    advice = "train a model for this cell, or correct its file: qtopt cell check, qtopt cell calibrate"
    found = disagreements(profile.cell, cell, profile.has_camera)
    levels = {True: Severity.ERROR, False: Severity.WARNING}
    off = [Finding(levels[each.refused], f"the model is {each.text}", advice) for each in found]
    return off or [Finding(Severity.OK, "the model's cell is the arm's")]


def examine_model(folder: Path, image_size: tuple[int, int] | None = None) -> list[Finding]:
    """Whether the model in `folder` is whole and takes pictures of `image_size` (height, width), px."""
    try:
        manifest = verify(folder)
        findings = [Finding(Severity.OK, f"model {manifest['version']} is whole, profile {manifest['profile']}")]
        if image_size is not None:
            height, width = image_size
            blank = RawImage(bytes(3 * height * width), "rgb8", height, width, 3 * width)
            findings.append(fits(profile_of(folder), blank))
    except QtoptError as error:
        return [Finding(Severity.ERROR, str(error), "fetch the model again, or name another one")]
    return findings
