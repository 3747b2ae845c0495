/**
 * Puts experts where there is room: it plans where the parts of a model live and lets other
 * backends, which it knows by name alone, compute them.
 */
module org.espalier.backend.offload {
  requires jdk.unsupported; // direct reads: com.sun.nio.file.ExtendedOpenOption
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.backend.BackendProvider with
      org.espalier.backend.offload.OffloadBackendProvider;
}
