"""The runtime of clients that raccoon-codegen generates: what an application imports besides its
generated package.

Each name is imported when it is first asked for, so that nobody waits for a transport that is not
used.
"""

from typing import TYPE_CHECKING

from .interface import lazy

if TYPE_CHECKING:
    from .client import AsyncClient as AsyncClient
    from .delivery import AckFuture as AckFuture
    from .delivery import AckStream as AckStream
    from .delivery import Latency as Latency
    from .delivery import Stats as Stats
    from .delivery import SyncAckFuture as SyncAckFuture
    from .delivery import SyncAckStream as SyncAckStream
    from .delivery import Undelivered as Undelivered
    from .envelope import Ack as Ack
    from .envelope import Code as Code
    from .envelope import Status as Status
    from .errors import AckTimeoutError as AckTimeoutError
    from .errors import AnswerError as AnswerError
    from .errors import AuthError as AuthError
    from .errors import BatchError as BatchError
    from .errors import ClosedError as ClosedError
    from .errors import ConfigError as ConfigError
    from .errors import ConnectError as ConnectError
    from .errors import ConnectionLimitError as ConnectionLimitError
    from .errors import ConnectionLostError as ConnectionLostError
    from .errors import DecodeError as DecodeError
    from .errors import DroppedError as DroppedError
    from .errors import EndpointError as EndpointError
    from .errors import EventTooLargeError as EventTooLargeError
    from .errors import Failure as Failure
    from .errors import HeadersError as HeadersError
    from .errors import IdentityError as IdentityError
    from .errors import IdentityTakenError as IdentityTakenError
    from .errors import PublishError as PublishError
    from .errors import QueueFull as QueueFull
    from .errors import RaccoonError as RaccoonError
    from .errors import RedirectError as RedirectError
    from .errors import RejectedError as RejectedError
    from .errors import SendError as SendError
    from .errors import SendTimeoutError as SendTimeoutError
    from .errors import SerializationError as SerializationError
    from .errors import SetupError as SetupError
    from .errors import SpoolError as SpoolError
    from .errors import TlsError as TlsError
    from .errors import TooLargeError as TooLargeError
    from .errors import UnavailableError as UnavailableError
    from .errors import UndeliveredError as UndeliveredError
    from .errors import UsageError as UsageError
    from .event import Event as Event
    from .headers import Headers as Headers
    from .message import Enum as Enum
    from .message import Message as Message
    from .options import ClientKeywords as ClientKeywords
    from .options import ConnectKeywords as ConnectKeywords
    from .options import TransportKeywords as TransportKeywords
    from .serializers import JSON as JSON
    from .serializers import JSON_PROTO_NAMES as JSON_PROTO_NAMES
    from .serializers import PROTO as PROTO
    from .serializers import Serializer as Serializer
    from .sync import SyncClient as SyncClient
    from .transports import SeveralTransports as SeveralTransports
    from .transports import Transport as Transport
    from .transports.grpc import GrpcTransport as GrpcTransport
    from .transports.null import NullTransport as NullTransport
    from .transports.rest import RestTransport as RestTransport
    from .transports.websocket import WebSocketTransport as WebSocketTransport
    from .wires import JSON_WIRE as JSON_WIRE
    from .wires import PROTO_WIRE as PROTO_WIRE
    from .wires import Wire as Wire
else:
    __all__, __getattr__, __dir__ = lazy(
        __name__,
        {
            ".client": "AsyncClient",
            ".delivery": (
                "AckFuture AckStream Latency Stats SyncAckFuture SyncAckStream Undelivered"
            ),
            ".envelope": "Ack Code Status",
            ".errors": (
                "AckTimeoutError AnswerError AuthError BatchError ClosedError ConfigError "
                "ConnectError ConnectionLimitError ConnectionLostError DecodeError DroppedError "
                "EndpointError EventTooLargeError Failure HeadersError IdentityError "
                "IdentityTakenError PublishError QueueFull RaccoonError RedirectError "
                "RejectedError SendError SendTimeoutError SerializationError SetupError SpoolError "
                "TlsError TooLargeError UnavailableError UndeliveredError UsageError"
            ),
            ".event": "Event",
            ".headers": "Headers",
            ".message": "Enum Message",
            ".options": "ClientKeywords ConnectKeywords TransportKeywords",
            ".serializers": "JSON JSON_PROTO_NAMES PROTO Serializer",
            ".sync": "SyncClient",
            ".transports": "SeveralTransports Transport",
            ".transports.grpc": "GrpcTransport",
            ".transports.null": "NullTransport",
            ".transports.rest": "RestTransport",
            ".transports.websocket": "WebSocketTransport",
            ".wires": "JSON_WIRE PROTO_WIRE Wire",
        },
    )
