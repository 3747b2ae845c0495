package org.espalier.testkit.reference;

import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;

/**
 * Offers the reference backend under the name {@code "reference"}. No module provides it as a
 * service: tests that choose among backends pass it on themselves.
 */
public final class ReferenceBackendProvider implements BackendProvider {
  static final BackendId ID = new BackendId("reference");

  /** Needs nothing. */
  public ReferenceBackendProvider() {}

  @Override
  public BackendId id() {
    return ID;
  }

  @Override
  public String description() {
    return "plain loops in double arithmetic, to compare others with";
  }

  /** Lower than any backend that means to be used. */
  @Override
  public int preference() {
    return Integer.MIN_VALUE;
  }

  @Override
  public Offer<Backend> open(Context context) {
    return Offer.accepted(ReferenceBackend.create());
  }
}
