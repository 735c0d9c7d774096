"""What a file's syntax or edition means for the fields in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from google.protobuf.descriptor_pb2 import FeatureSet, FileDescriptorProto


@dataclass(frozen=True)
class Features:
    """The features that bear on what is generated; a scope inherits those of the one around."""

    presence: int
    """`FeatureSet.EXPLICIT`, `IMPLICIT` or `LEGACY_REQUIRED`."""
    packed: bool
    delimited: bool = False

    def within(self, said: FeatureSet) -> Features:
        """What holds in a scope whose options say this."""
        if not said.ByteSize():
            return self
        repeated = said.repeated_field_encoding
        return replace(
            self,
            presence=said.field_presence or self.presence,
            packed=repeated == FeatureSet.PACKED if repeated else self.packed,
            delimited=(
                said.message_encoding == FeatureSet.DELIMITED
                if said.message_encoding
                else self.delimited
            ),
        )


_PROTO2 = Features(FeatureSet.EXPLICIT, packed=False)
_PROTO3 = Features(FeatureSet.IMPLICIT, packed=True)
_EDITIONS = Features(FeatureSet.EXPLICIT, packed=True)


def of_file(file: FileDescriptorProto) -> Features:
    """What holds at the top of a file."""
    if file.syntax == "proto3":
        return _PROTO3
    if file.syntax == "editions":
        return _EDITIONS.within(file.options.features)
    return _PROTO2
