/**
 * Runs plans on the CPU with jdk.incubator.vector. Third parties add kernels for a codec by
 * providing {@link org.espalier.backend.cpu.spi.CpuKernelProvider}.
 */
@SuppressWarnings("module") // jdk.incubator.vector is what this module is for
module org.espalier.backend.cpu {
  requires jdk.incubator.vector;
  requires transitive org.espalier.api;
  requires static org.jspecify;

  exports org.espalier.backend.cpu.spi;

  uses org.espalier.backend.cpu.spi.CpuKernelProvider;

  provides org.espalier.api.backend.BackendProvider with
      org.espalier.backend.cpu.CpuBackendProvider;
  provides org.espalier.api.math.LinearAlgebra with
      org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
}
