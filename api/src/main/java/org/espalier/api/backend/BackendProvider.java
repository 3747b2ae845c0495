package org.espalier.api.backend;

import java.util.Map;
import org.espalier.api.Offer;

/** A service: one kind of machine that can run plans. A backend never knows a codec or a format. */
public interface BackendProvider {

  /** Its name. Two providers of one name on the module path are an error. */
  BackendId id();

  /** One line for people. */
  String description();

  /** Where the user names none, the highest preference that accepts wins. */
  int preference();

  /**
   * Starts the backend, or says why it cannot run here. Must not crash where hardware is missing.
   */
  Offer<Backend> open(Context context);

  /**
   * Gets ready for a large model that will be run soon, in the calling thread: compiles code, for
   * example. Called while the model is still being opened, or not at all.
   */
  default void prepare() {
    // Most have nothing to do before they know the model.
  }

  /** What a backend is told when it starts. */
  interface Context {
    /** Worker threads of the host to use, at least 1. */
    int threads();

    /** Settings by name as the user gave them, such as {@code "host-memory" → "1G"}. */
    Map<String, String> settings();

    /** Another backend, for those that compose. */
    Offer<Backend> other(BackendId id);
  }
}
