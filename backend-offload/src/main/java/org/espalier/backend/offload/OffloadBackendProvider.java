package org.espalier.backend.offload;

import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.backend.offload.placement.Settings;

/**
 * Offers the backend that composes others. It is never chosen by itself: whoever wants it names it,
 * and says in the settings {@code host-memory}, {@code device-memory} and {@code n-cpu-moe} what
 * there is.
 */
public final class OffloadBackendProvider implements BackendProvider {
  static final BackendId ID = new BackendId("offload");

  /** Made by the service loader. */
  public OffloadBackendProvider() {}

  @Override
  public BackendId id() {
    return ID;
  }

  @Override
  public String description() {
    return "experts where there is room (on disk, in memory, on a device), over other backends";
  }

  @Override
  public int preference() {
    return -100;
  }

  @Override
  public Offer<Backend> open(Context context) {
    Settings settings = Settings.of(context.settings());
    return switch (context.other(settings.host())) {
      case Offer.Declined<Backend>(String reason) ->
          Offer.declined("it needs the backend '%s': %s".formatted(settings.host(), reason));
      case Offer.Accepted<Backend>(Backend host) ->
          switch (context.other(settings.device())) {
            case Offer.Accepted<Backend>(Backend device) ->
                Offer.accepted(OffloadBackend.withDevice(settings, host, device));
            case Offer.Declined<Backend>(String reason) ->
                settings.deviceMemory().isPresent()
                    ? Offer.declined(
                        "--device-memory was given, but there is no device (%s: %s)"
                            .formatted(settings.device(), reason))
                    : Offer.accepted(OffloadBackend.withoutDevice(settings, host, reason));
          };
    };
  }
}
