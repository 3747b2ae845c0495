package org.espalier.backend.cuda.driver;

import jcuda.driver.CUgraphExec;

/** Launches that were recorded once and are replayed with one call. */
public final class Recording {
  private final CUgraphExec graph;

  Recording(CUgraphExec graph) {
    this.graph = graph;
  }

  CUgraphExec graph() {
    return graph;
  }
}
