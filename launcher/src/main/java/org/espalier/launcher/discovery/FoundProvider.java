package org.espalier.launcher.discovery;

import java.util.Optional;
import org.espalier.api.backend.BackendProvider;

/**
 * One provider on the path.
 *
 * @param kind {@code "codec"}, {@code "backend"} …, or the name of another service
 * @param name by which users know it; that of its class where it has none or does not start
 * @param description one line for people; empty where it gives none
 * @param module that holds it
 * @param jar that holds the module
 * @param problem why it cannot be used, as far as its start tells; empty where it started
 * @param backend the provider, if it is one of a backend and started
 */
public record FoundProvider(
    String kind,
    String name,
    String description,
    String module,
    String jar,
    Optional<String> problem,
    Optional<BackendProvider> backend) {}
