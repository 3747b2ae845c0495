/** A backend for NVIDIA GPUs. */
module org.espalier.backend.cuda {
  requires org.espalier.api;
  requires static org.jspecify;
  requires jcuda;

  provides org.espalier.api.backend.BackendProvider with
      org.espalier.backend.cuda.CudaBackendProvider;
}
