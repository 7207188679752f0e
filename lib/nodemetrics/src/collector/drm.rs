//! Graphics cards of AMD.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;

/// Files of a card, and what their numbers mean.
const NUMBERS: [(&str, &str, &str); 7] = [
    (
        "gpu_busy_percent",
        "node_drm_gpu_busy_percent",
        "How busy the GPU is as a percentage.",
    ),
    (
        "mem_info_gtt_total",
        "node_drm_memory_gtt_size_bytes",
        "The size of the graphics translation table (GTT) block in bytes.",
    ),
    (
        "mem_info_gtt_used",
        "node_drm_memory_gtt_used_bytes",
        "The used amount of the graphics translation table (GTT) block in bytes.",
    ),
    (
        "mem_info_vram_total",
        "node_drm_memory_vram_size_bytes",
        "The size of VRAM in bytes.",
    ),
    (
        "mem_info_vram_used",
        "node_drm_memory_vram_used_bytes",
        "The used amount of VRAM in bytes.",
    ),
    (
        "mem_info_vis_vram_total",
        "node_drm_memory_vis_vram_size_bytes",
        "The size of visible VRAM in bytes.",
    ),
    (
        "mem_info_vis_vram_used",
        "node_drm_memory_vis_vram_used_bytes",
        "The used amount of visible VRAM in bytes.",
    ),
];

/// `drm`
pub(super) fn drm(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    for (dir, number) in read::numbered(&paths.sys("class/drm"), "card") {
        let device = dir.join("device");
        // card0-HDMI-A-1 is a plug of a card. Cards without a device are those of the kernel itself.
        let driver = read::text(&device.join("uevent")).unwrap_or_default();
        if !number.bytes().all(|byte| byte.is_ascii_digit()) || !driver.contains("DRIVER=amdgpu") {
            continue;
        }
        let card = format!("card{number}");
        let text = |file: &str| read::trimmed(&device.join(file)).unwrap_or_default();
        sink.gauge(
            "node_drm_card_info",
            "Card information",
            &[
                ("card", &card),
                ("memory_vendor", &text("mem_info_vram_vendor")),
                ("power_performance_level", &text("power_dpm_force_performance_level")),
                ("unique_id", &text("unique_id")),
                ("vendor", "amd"),
            ],
            1.0,
        );
        for (file, name, help) in NUMBERS {
            // What a card does not tell is 0, as upstream.
            let value = read::u64(&device.join(file)).unwrap_or(0);
            sink.gauge(name, help, &[("card", &card)], value as f64);
        }
    }
    Ok(())
}
