"""``synthbench audit``, and what it finds in the tables of four papers."""

import json
from pathlib import Path

import pytest

from synthbench.audit import Finding, audit, read
from synthbench.cli import main

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "published"


def errors_of(name: str) -> list[Finding]:
    return [f for f in audit(read(PUBLISHED / f"{name}.csv")) if f.severity == "error"]


def test_the_underline_of_hcp_is_wrong():
    (finding,) = errors_of("mdaunet_gan_table1")
    assert finding.where == "HCP1200 T1 -> T2, Ea-GAN, PSNR"
    assert finding.message == "28.151 is underlined, but PTNet3D (29.157) is second."


def test_firsts_and_seconds_are_as_many_as_its_text_counts():
    claims = [c for c in read(PUBLISHED / "mdaunet_gan_table1.csv") if c.metric != "Dice"]
    ours = [c for c in claims if c.method == "Ours"]
    assert len(ours) == 20
    ranks = [
        sum((o.mean - c.mean) * (1 if c.better == "higher" else -1) > 0 for o in rivals)
        for c in ours
        for rivals in [[o for o in claims if (o.task, o.metric) == (c.task, c.metric)]]
    ]
    assert (ranks.count(0), ranks.count(1)) == (14, 6)


def test_a_third_second_place_of_ea_gan_needs_the_wrong_underline():
    claims = [c for c in read(PUBLISHED / "mdaunet_gan_table1.csv") if c.metric != "Dice"]
    seconds = 0
    for mine in (c for c in claims if c.method == "Ea-GAN"):
        column = [c for c in claims if (c.task, c.metric) == (mine.task, mine.metric)]
        ordered = sorted(column, key=lambda c: c.mean, reverse=mine.better == "higher")
        seconds += ordered[1] is mine
    assert seconds == 2


def test_its_close_wins_are_told():
    found = audit(read(PUBLISHED / "mdaunet_gan_table1.csv"))
    (lpips,) = [f for f in found if f.where == "dHCP T2 -> T1, Ours, LPIPS"]
    assert dict(lpips.values) == pytest.approx(
        {"p_at_0": 0.179, "p_at_0.5": 0.102, "p_at_0.9": 0.007}, abs=5e-4
    )
    told = {f.where for f in found if f.check == "winner"}
    assert "BraTS2021 T2 -> FLAIR, Ours, Dice" in told
    assert "SynthRAD pelvis CBCT -> CT, Ours, PSNR" in told
    assert not any("LPIPS" in where and ("HCP1200" in where or "BraTS" in where) for where in told)
    implied = [value for f in found if f.check == "nmse-normaliser" for _, value in f.values]
    assert len(implied) == 20
    assert 0.009 < min(implied) < max(implied) < 0.015


def test_the_filtered_lungs_violate_jensen():
    (finding,) = errors_of("edge_cascade_table1")
    assert finding.where == "B80f -> B20f, NLM B80f, PSNR"
    assert "at least 23.47 dB" in finding.message
    (finding,) = errors_of("edge_cascade_table2")
    assert finding.where == "FLAIR -> T2, REPLICA, PSNR"


def test_the_brain_tables_cannot_be_eight_bit():
    found = audit(read(PUBLISHED / "dual_d_attention.csv"))
    brats, ct = (f for f in found if f.check == "data-range")
    assert dict(brats.values)["Ours"] == pytest.approx(612, abs=0.5)
    assert dict(ct.values)["Ours"] == pytest.approx(495, abs=0.5)
    assert brats.severity == ct.severity == "warning"
    eight = audit(read(PUBLISHED / "dual_d_attention.csv", data_range=255))
    assert {f.task for f in eight if f.check == "psnr-mae"} == {"BRATS T1 -> T2", "brain MR -> CT"}


def test_not_best_in_every_metric():
    (finding,) = errors_of("pix2pix_resunet_table1")
    assert finding.where == "FLAIR -> T1, Ours, FID"
    assert finding.message == "16.11 is marked as the best, but Pix2Pix (15.68) is the best."


def test_errors_end_with_three(capsys):
    assert main(["audit", str(PUBLISHED / "mdaunet_gan_table1.csv")]) == 3
    out = capsys.readouterr().out
    assert out.startswith("error    HCP1200 T1 -> T2, Ea-GAN, PSNR: 28.151 is underlined")
    assert "(line 7)" in out
    assert out.endswith("mdaunet_gan_table1.csv: 92 numbers, 1 error, 12 warnings\n")


def test_a_table_without_errors_ends_with_zero(capsys):
    assert main(["audit", str(PUBLISHED / "mdaunet_gan_table2.csv")]) == 0
    assert "20 numbers, 0 errors, 0 warnings" in capsys.readouterr().out


def test_json(capsys):
    assert main(["audit", str(PUBLISHED / "edge_cascade_table1.csv"), "--json"]) == 3
    content = json.loads(capsys.readouterr().out)
    assert (content["numbers"], content["errors"]) == (40, 1)
    first = content["findings"][0]
    assert (first["severity"], first["check"], first["line"]) == ("error", "jensen", 8)
    assert first["values"]["least_psnr"] == pytest.approx(23.468, abs=1e-3)


def test_options_say_what_the_table_does_not(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("method,PSNR,MSE\na,19.5 ± 3,0.004\nb,19.4 ± 3,0.005\n")
    assert main(["audit", str(path)]) == 0
    capsys.readouterr()
    assert main(["audit", str(path), "--range", "1", "--n", "12"]) == 3
    out = capsys.readouterr().out
    assert "impossible beside a mean MSE" in out
    assert "n = 12" in out


def test_bad_tables_are_data_errors(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("method,PSNR\na,fast?\n")
    assert main(["audit", str(path)]) == 6
    assert "line 2: column PSNR: 'fast?' is not a number" in capsys.readouterr().err
    assert main(["audit", str(tmp_path / "none.csv")]) == 2
