/** A kernel of a third party: runs one codec on the CPU faster than the generic kernel does. */
module org.espalier.examples.kernel {
  requires org.espalier.backend.cpu;
  requires static org.jspecify;

  provides org.espalier.backend.cpu.spi.CpuKernelProvider with
      org.espalier.examples.kernel.Int8Kernels;
}
