package org.espalier.backend.cpu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.OperatorId;
import org.espalier.backend.cpu.dense.DenseKernels;
import org.espalier.backend.cpu.dense.RoundedKernels;
import org.espalier.backend.cpu.generic.GenericKernels;
import org.espalier.backend.cpu.qtip.QtipKernels;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/** All kernels of this backend, its own and those that plugins provide, in order of preference. */
final class KernelRegistry {
  private final List<CpuKernelProvider> providers;

  /**
   * A registry of given providers.
   *
   * @param providers in any order
   */
  KernelRegistry(List<CpuKernelProvider> providers) {
    this.providers =
        providers.stream()
            .sorted(
                Comparator.comparingInt(CpuKernelProvider::preference)
                    .reversed()
                    .thenComparing(CpuKernelProvider::name))
            .toList();
  }

  /**
   * The built-in kernels and those on the module path.
   *
   * @throws Unsupported when one of them cannot be started
   */
  static KernelRegistry discover() {
    return new KernelRegistry(
        Stream.concat(
                Stream.concat(
                    QtipKernels.providers().stream(),
                    Stream.of(new RoundedKernels(), new DenseKernels(), new GenericKernels())),
                plugins().stream())
            .toList());
  }

  /** The kernels that other modules provide, in the layer of this one. */
  private static List<CpuKernelProvider> plugins() {
    ModuleLayer layer = KernelRegistry.class.getModule().getLayer();
    ServiceLoader<CpuKernelProvider> loader =
        layer == null
            ? ServiceLoader.load(CpuKernelProvider.class)
            : ServiceLoader.load(layer, CpuKernelProvider.class);
    List<CpuKernelProvider> plugins = new ArrayList<>();
    try {
      loader.forEach(plugins::add);
    } catch (ServiceConfigurationError | LinkageError e) {
      throw new Unsupported(
          "a kernel on the module path cannot be started (%s): remove its jar"
              .formatted(
                  e.getCause() == null ? e.getMessage() : e.getMessage() + ": " + e.getCause()));
    }
    return plugins;
  }

  /**
   * A kernel and the story of how it was chosen.
   *
   * @param declined the refusals of those that were preferred
   */
  record Choice(OperatorId operator, CpuKernel kernel, List<String> declined) {

    /** The same in words; waits for a self-test that has not ended. */
    Binding binding() {
      String reason = kernel.selfTest().orElse("");
      return new Binding(operator, kernel.name(), reason, declined);
    }
  }

  /**
   * The first kernel that accepts a linear.
   *
   * @throws Unsupported when none does, with all reasons
   */
  Choice choose(EncodedLinear linear, Precision precision) {
    List<String> declined = new ArrayList<>();
    for (CpuKernelProvider provider : providers) {
      switch (provider.offer(linear, precision)) {
        case Offer.Accepted<CpuKernel>(CpuKernel kernel) -> {
          return new Choice(linear.id(), kernel, List.copyOf(declined));
        }
        case Offer.Declined<CpuKernel>(String reason) ->
            declined.add(provider.name() + ": " + reason);
      }
    }
    throw new Unsupported(
        "no kernel of the cpu backend runs %s (%s): %s"
            .formatted(linear.id(), linear.codec(), String.join("; ", declined)));
  }
}
