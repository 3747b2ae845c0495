/** A backend for experts where there is room, over other backends. */
module org.espalier.backend.offload {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.backend.BackendProvider with
      org.espalier.backend.offload.OffloadBackendProvider;
}
