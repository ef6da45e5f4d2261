# The devices of the testbed's machine (tests/vm/run); nothing else is built.
CONFIG_Q35=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_RNG=y
CONFIG_VHOST_USER_FS=y
CONFIG_HPET=y
CONFIG_SERIAL_ISA=y
