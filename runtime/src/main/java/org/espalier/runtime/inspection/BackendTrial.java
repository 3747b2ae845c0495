package org.espalier.runtime.inspection;

import java.util.List;
import java.util.Map;
import org.espalier.api.Offer;
import org.espalier.api.backend.BackendProvider;
import org.espalier.runtime.loading.Backends;

/**
 * Finds out which backends work on this machine.
 *
 * @param providers all that there are; some are made of others
 * @param threads workers of the host
 */
public record BackendTrial(List<BackendProvider> providers, int threads) {
  public BackendTrial {
    providers = List.copyOf(providers);
  }

  /** Starts one and closes it: its machine in words, or why it does not start. */
  public Offer<String> run(BackendProvider provider) {
    return new Backends(providers, threads, Map.of()).probe(provider);
  }
}
