"""Whether a model can see by a camera's pictures."""

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.doctor.findings import Finding, Severity
from qtopt_agent.perception.ingest import RawImage, ingest_image, ingest_spec


def fits(profile: Profile, image: RawImage) -> Finding:
    """What becomes of `image` for a model of `profile`."""
    try:
        ingest_image(image, ingest_spec(profile))
    except InvalidInput as error:
        advice = f"set the camera to rgb8 or bgr8 and to a size that profile {profile.name} can be cut from"
        return Finding(Severity.ERROR, f"the model does not fit the camera: {error}", advice)
    size = profile.observation.image_size
    text = f"{image.width}x{image.height} {image.encoding} becomes the model's {size[1]}x{size[0]} px"
    return Finding(Severity.OK, text)
