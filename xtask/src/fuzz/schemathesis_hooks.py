"""What schemathesis has to know about the contract: archives are bytes."""

import schemathesis
from hypothesis import strategies


@schemathesis.serializer("application/x-tar")
def archive(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()


schemathesis.openapi.media_type("application/x-tar", strategies.binary(max_size=3000))
