package org.espalier.testkit;

/** Runs plans slowly and plainly. */
final class ReferenceBackend {
  private ReferenceBackend() {}
}
