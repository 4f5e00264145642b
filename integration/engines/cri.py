"""A small client of the CRI socket: what a kubelet asks a container engine, call by call.

    cri = Cri(socket_path, directory)
    sandbox = cri.RunPodSandbox(config=cri.message("PodSandboxConfig", …)).pod_sandbox_id

A call takes the request's fields as keywords and returns the response; a failure is a grpc.RpcError.
The messages are compiled from cri.proto by protoc into `directory`.
"""

import os
import subprocess
import sys

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
# method: (request, response) where they are not METHODRequest and METHODResponse
CALLS = {
    "Status": ("Empty", "StatusResponse"),
    "RunPodSandbox": ("RunPodSandboxRequest", "PodSandboxId"),
    "PodSandboxStatus": ("PodSandboxId", "PodSandboxStatusResponse"),
    "StopPodSandbox": ("PodSandboxId", "Empty"),
    "RemovePodSandbox": ("PodSandboxId", "Empty"),
    "CreateContainer": ("CreateContainerRequest", "ContainerId"),
    "StartContainer": ("ContainerId", "Empty"),
    "StopContainer": ("StopContainerRequest", "Empty"),
    "RemoveContainer": ("ContainerId", "Empty"),
    "ContainerStatus": ("ContainerStatusRequest", "ContainerStatusResponse"),
    "UpdateContainerResources": ("UpdateContainerResourcesRequest", "Empty"),
    "ExecSync": ("ExecSyncRequest", "ExecSyncResponse"),
    "ContainerStats": ("ContainerId", "ContainerStatsResponse"),
}


class Cri:
    def __init__(self, socket, directory):
        subprocess.run(["/usr/bin/protoc", f"--proto_path={HERE}", f"--python_out={directory}", "cri.proto"], check=True)
        sys.path.insert(0, directory)
        import cri_pb2  # pylint: disable=import-outside-toplevel,import-error
        sys.path.remove(directory)
        self.types = cri_pb2
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=[("grpc.enable_http_proxy", 0)])

    def message(self, kind, **fields):
        return getattr(self.types, kind)(**fields)

    def __getattr__(self, method):
        if method not in CALLS:
            raise AttributeError(method)
        request, response = (getattr(self.types, name) for name in CALLS[method])
        call = self._channel.unary_unary(f"/runtime.v1.RuntimeService/{method}", request.SerializeToString, response.FromString)
        return lambda **fields: call(request(**fields), timeout=60)

    def close(self):
        self._channel.close()
