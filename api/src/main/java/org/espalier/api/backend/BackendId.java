package org.espalier.api.backend;

/**
 * The name by which a user selects a backend: {@code "cpu"}.
 *
 * @param value lower case
 */
public record BackendId(String value) {
  public BackendId {
    if (!value.matches("[a-z][a-z0-9._-]*")) {
      throw new IllegalArgumentException("not a backend id: " + value);
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
